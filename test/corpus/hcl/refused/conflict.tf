locals {
<<<<<<< HEAD
  size = 3
=======
  size = 4
>>>>>>> feature
}
