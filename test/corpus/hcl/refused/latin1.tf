locals {
  name = "Größe"
  size = 3
}
