resource "x" "y" { # opening
  z { /* inner */
    a = 1
  } // closing
} # the end
