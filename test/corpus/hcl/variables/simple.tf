variable "desired_size" {
  description = "How many nodes there are at first"
  type        = number
  default     = 3
}

variable "region" { default = "eu-west-1" }

variable "no_default" {}

variable "flag" {
  type    = bool
  default = false
}

variable "nullable" {
  type     = string
  default  = null
  nullable = true
}
