removed {
  from = aws_ebs_volume.forgotten

  lifecycle {
    destroy = false
  }
}
