locals {
  a = [1, 2, 3, ]
  b = [
    1,
    2, # two
    # three
    3,
  ]
  c = { x = 1, y = 2, }
  d = {
    x = 1,
    y = 2
    z = 3,
  }
  e = max(
    1,
    2,
  )
}
