locals {
  a = var.x ? (
    1
  ) : (
    2
  )
  b = [
    for x in [1, 2] :
    x
    if x > 1
  ]
  c = {
    "k" = 1, "l" = 2
    m   = 3
  }
  d = "${
    var.x
  }"
}
