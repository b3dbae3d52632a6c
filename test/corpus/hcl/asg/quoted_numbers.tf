resource "aws_autoscaling_group" "quoted" {
  name_prefix      = "quoted-"
  min_size         = "1"
  max_size         = "4"
  desired_capacity = "2"
  default_cooldown = "300"

  tags = [
    {
      "key"                 = "Name"
      "value"               = "quoted"
      "propagate_at_launch" = "true"
    },
  ]
}
