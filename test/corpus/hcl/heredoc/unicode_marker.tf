locals {
  a = <<ENDE_ÜBER
  text ✓
ENDE_ÜBER
  b = 2
}
