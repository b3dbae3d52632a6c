resource "aws_autoscaling_group" "free" {
  name     = "free"
  max_size = 3
  min_size = 1
  suspended_processes = [
    "AZRebalance", # moves pods for nothing
    "ReplaceUnhealthy",
  ]
  timeouts {
    delete = "15m"
  }
}
