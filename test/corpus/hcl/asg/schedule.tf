resource "aws_autoscaling_schedule" "night" {
  scheduled_action_name  = "night"
  min_size               = 0
  max_size               = 0
  desired_capacity       = 0
  recurrence             = "0 20 * * MON-FRI"
  time_zone              = "Europe/Berlin"
  autoscaling_group_name = aws_autoscaling_group.workers.name
}

resource "aws_autoscaling_schedule" "morning" {
  scheduled_action_name  = "morning"
  min_size               = 3
  max_size               = 10
  desired_capacity       = -1
  recurrence             = "0 6 * * MON-FRI"
  autoscaling_group_name = aws_autoscaling_group.workers.name
}
