# vol-0a1b2c3d4e5f60718, of the database that moved to RDS in March
resource "aws_ebs_volume" "old_db" {
  availability_zone = "eu-west-1b"
  size              = 500
  type              = "io2"
  iops              = 16000
  tags              = { Name = "old-db", Team = "payments" }
}

output "old_db_volume_id" {
  description = "For the restore runbook"
  value       = aws_ebs_volume.old_db.id
}
