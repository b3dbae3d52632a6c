resource "aws_ebs_volume" "gone_soon" {
  availability_zone = "eu-west-1a"
  size              = 8
}

# Taken before vol-00ff is removed, and kept after that.
resource "aws_ebs_snapshot" "gone_soon_last" {
  volume_id   = aws_ebs_volume.gone_soon.id
  description = "The last of vol-00ff, before its removal"

  lifecycle {
    precondition {
      condition     = aws_ebs_volume.gone_soon.id == "vol-00ff"
      error_message = "aws_ebs_volume.gone_soon is not vol-00ff: nothing may be removed."
    }
  }
}
