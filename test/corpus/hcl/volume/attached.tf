resource "aws_ebs_volume" "logs" {
  availability_zone = var.az
  snapshot_id       = "snap-0aaaabbbbccccdddd"
  size              = 20
  final_snapshot    = true

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [tags["LastBackup"], size]
  }
}

resource "aws_volume_attachment" "logs" {
  device_name                    = "/dev/sdh"
  volume_id                      = aws_ebs_volume.logs.id
  instance_id                    = aws_instance.collector.id
  stop_instance_before_detaching = true
}
