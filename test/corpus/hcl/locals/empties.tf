locals {
  object = {}
  tuple  = []
  spaced = {   }
  lines = {
  }
  nested = { a = {}, b = [], c = [[], [{}]] }
  text   = ""
}
locals {}
locals {
}
