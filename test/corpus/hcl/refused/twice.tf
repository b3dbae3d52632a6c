locals {
  size = 3
  size = 4
}
