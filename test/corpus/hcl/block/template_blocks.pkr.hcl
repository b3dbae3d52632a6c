packer {
  required_plugins {
    amazon = {
      version = ">= 1.2.8"
      source  = "github.com/hashicorp/amazon"
    }
  }
}

source "amazon-ebs" "node" {
  ami_name      = "node-{{timestamp}}"
  instance_type = "t3.medium"
  region        = "eu-west-1"
  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_size           = 40
    volume_type           = "gp3"
    delete_on_termination = true
  }
}

build {
  sources = ["source.amazon-ebs.node"]
  provisioner "shell" {
    inline = ["sudo yum update -y", "echo done"]
  }
}
