variable "volumes" {
  type = map(object({
    size = number
    type = optional(string, "gp3")
    az   = string
  }))
  default = {
    a = { size = 10, az = "eu-west-1a" }
    b = { size = 20, az = "eu-west-1b", type = "st1" }
  }
}

resource "aws_ebs_volume" "many" {
  for_each          = var.volumes
  availability_zone = each.value.az
  size              = each.value.size
  type              = each.value.type
  tags              = { Name = "many-${each.key}" }
}
