// one
# two

/* three
   lines */
locals {
  a = 1 // end
  b = "x" # end
  /* before */ c = [ # open
    1, // first
    2  /* second */
  ] # close
}
