"""Suite `openb-replay`: pods of the openb trace arrive one after another at an empty fleet, and none ever leaves."""
