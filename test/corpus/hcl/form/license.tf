# Copyright (c) Acme
# SPDX-License-Identifier: MPL-2.0
resource "aws_ebs_volume" "first" {
  availability_zone = "eu-west-1a"
  size              = 1
}
