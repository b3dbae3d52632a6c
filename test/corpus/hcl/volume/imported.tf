import {
  to = aws_ebs_volume.scratch
  id = "vol-0123456789abcdef0"
}

resource "aws_ebs_volume" "scratch" {
  availability_zone = "us-east-1d"
  size              = 40
}

moved {
  from = aws_ebs_volume.tmp
  to   = aws_ebs_volume.scratch
}
