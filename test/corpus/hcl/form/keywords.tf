resource "null_resource" "null" {
  for      = 1
  in       = 2
  if       = 3
  else     = 4
  endif    = 5
  each_    = 6
  self     = 7
  dash-ed  = 8
  under__  = 9
  triggers = { true = 1, false = 2, null = 3, for = 4, if = 5 }
}
