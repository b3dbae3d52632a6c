locals {
  a = 1

  b = "tab	here"
}
