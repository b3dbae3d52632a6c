locals {
  name   = "shop"
  nodes  = 5
  ratio  = 0.5
  is_eu  = true
  empty  = ""
  spaces = "  two  "
  list   = [1, 2, 3]
  mixed  = ["a", 1, true, null]
}
