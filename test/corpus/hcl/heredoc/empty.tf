locals {
  nothing = <<EOT
EOT
  blank = <<-EOT

  EOT
  x = 1
}
