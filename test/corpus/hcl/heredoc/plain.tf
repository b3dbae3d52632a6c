resource "aws_launch_template" "w" {
  user_data = <<EOF
#!/bin/bash
desired_size = 3
echo "min_size = 2" # not an attribute
EOF
  ebs_optimized = true
}
