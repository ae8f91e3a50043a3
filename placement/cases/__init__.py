"""Cases built from measured traces (`openb`) and from seeded synthetic fleets (`synth`)."""
