variable "name" { type = string }

variable "subnet_ids" {
  type    = list(string)
  default = []
}

variable "desired_size" {
  type    = number
  default = 2
}

variable "min_size" {
  type    = number
  default = 1
}

variable "volume_size" {
  type    = number
  default = 50
}
