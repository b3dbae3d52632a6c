locals {
  a        = 1         # one
  bb       = 22        # twenty-two
  ccc      = 333       # three hundred
  a_string = "aligned" # by terraform fmt

  object = {
    short           = 1   // aligned
    a_longer_name   = 100 // as well
    the_longest_one = 10000
  }
}
