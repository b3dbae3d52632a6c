variable "a" { default = 1 }
variable "b" { default = 2 }
output "a" { value = var.a }
output "b" { value = var.b }
