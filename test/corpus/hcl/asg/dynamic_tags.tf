resource "aws_autoscaling_group" "tagged" {
  name     = "tagged"
  min_size = 1
  max_size = 1

  dynamic "tag" {
    for_each = merge({ Team = "platform", "cost-center" = "4711" }, var.tags)
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 50
    }
    triggers = ["tag"]
  }
}
