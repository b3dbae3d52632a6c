variable "min_size" {
  type    = number
  default = 2

  validation {
    condition     = var.min_size >= 1 && var.min_size <= 10
    error_message = "min_size must be from 1 to 10; it is ${var.min_size}."
  }
}

variable "name" {
  type = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "No such name. Use \"letters\", digits and dashes."
  }
}

variable "secret" {
  type      = string
  sensitive = true
  ephemeral = true
  default   = ""
}
