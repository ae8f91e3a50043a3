"""Small contended cases in placement terms: every plan enumerated, every claim of a decision held against them."""
