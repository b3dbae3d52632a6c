resource "a" "b" {
  size = 3
