locals {
  script = <<-EOT
    %{for i in range(3)~}
    server ${var.prefix}-${i} weight=${i * 10} $${literal}
    %{endfor~}
  EOT
  after = 7
  list = [<<A
first
A
    , <<-B
      second
    B
    ,
    3,
  ]
  obj = {
    text = <<TEXT
a = 1
TEXT
    next = 2
  }
}
