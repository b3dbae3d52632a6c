locals {
  text = <<EOT
line one
size = 3
EOT
  size = 3
}
