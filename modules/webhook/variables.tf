variable "name" {
  description = "Name of the environment, such as \"webhook-dev\": everything's name begins with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.name))
    error_message = "name is \"${var.name}\": begin with a lower-case letter, then use lower-case letters, digits and hyphens."
  }
}

variable "sources" {
  description = <<-EOT
    The senders, by name; each gets https://<endpoint>/webhooks/<name> and a lane of its own.
    - scheme: how it signs: a name in lambdas/common/schemes.json. This or custom_scheme
    - custom_scheme: the same as data, for a sender without a preset:
        - kind: "hmac" over the body, or "token", a shared secret sent as it is
        - digest: "sha256" (default), "sha1" or "sha512"
        - key_encoding: how the secret is written: "utf8" (default), "base64", "hex" or "base64-after-whsec_"
        - signature: its header; the prefix of a signature that counts; the separator of several, ",", ";" or " "; its encoding, "hex" (default) or "base64"
        - timestamp: when it signed: in a header, an item of the signature header that begins with prefix, or at a JSON pointer into the body; unit "seconds" (default), "milliseconds" or "iso8601"
        - signed: what is signed, of {id}, {timestamp}, {method}, {url} and {body}; the body alone by default
        - id, type: where the event's are: a header, a JSON pointer into the body, or a field of a form
    - signed_url: for a scheme that signs the URL: the one that the sender was given, where API Gateway sees another
    - verify_token: for scheme "meta": what Meta is given with the URL, 16 to 128 letters, digits, - and _
    - handshake: true for a scheme whose sender POSTs challenges to the URL, such as "slack" and "zoom": a function before the queue answers them
    - insecure: true for scheme "unsigned" and only there: whoever knows the URL can send
    - content_types: exact media types that are let in
    - tolerance_seconds: how far a signed timestamp may be from the time of receipt
    - success_status: what the sender is answered when its webhook is kept, 200 or 202
    - rate_per_second, burst: throttle of the route; beyond it the sender gets 429
    - allowed_cidrs: addresses that may send; none listed = all may
    - max_concurrency: the most processors at once, 2 to 1,000
    - batch_size, batch_window_seconds: records per call (10 by default, and 1 with an effect unless fifo), and how long to gather them
    - timeout_seconds, memory_mb: of one call
    - snap_start: true starts the lane's functions from snapshots (AWS Lambda SnapStart), which are paid for as long as they are kept
    - max_receive_count: attempts before a webhook goes to the dead-letter queue, 5 by default. Not with an effect: see retry
    - retention_days, dead_letter_retention_days: how long the queues keep a webhook, 1 to 14; retention_days is 4 by default, and with an effect as long as its attempts may take
    - event_retention_days: how long the table keeps an event
    - deduplicate_by: what makes two webhooks the same event: "id" (the sender's), "body" (its exact bytes), or "both", either of them
    - paused: true stops processing; webhooks are accepted and wait
    - fifo: true keeps the order of webhooks, one after another
    - order_by: with fifo, what names the group in which the order is kept: a header or a JSON pointer into the body; without it all are one group

    What a lane does beyond storing, its effect, is one of handler, http and postgres with a table:
    - handler: your function, as package.module:function, in the zip of scripts/build.sh --with DIR
        - handler_environment: environment variables for it
        - handler_permissions: what it may do, actions on resources
        - postgres = {}: gives it a transaction
    - postgres: a row for each event, by the connection in the secret <name>/<source>/postgres
        - table: "table" or "schema.table"
        - columns: what each is set to: {id}, {type}, {source}, {received_at}, {body}, or a JSON pointer into the body
        - key: the columns whose values tell one event's row from another's; the table has a unique constraint on them
        - on_conflict: with a row of the same key, "nothing" is changed (default), or the other columns are set, "update"
    - http: where each event is POSTed to, signed with the secret <name>/<source>/delivery
        - url: https://, without a user, a password or a fragment
        - timeout_seconds: how long an answer may take, 1 to 60
        - allow_private_addresses: whether the name may stand for an address that is not public; then it may be http://, too
    - retry: when an effect that failed is tried again
        - attempts: 2 to 100, 10 by default
        - first_delay_seconds, max_delay_seconds: the first delay, 30 by default, is doubled up to the longest, 43200 (12 hours) by default
        - delays_seconds: instead of these three, the delays as a list, 1 to 43200 each
    - vpc: subnets and security groups of the processor, to reach what is private; it then reaches AWS through NAT or endpoints only
  EOT
  type = map(object({
    scheme = optional(string)
    custom_scheme = optional(object({
      kind         = string
      digest       = optional(string)
      key_encoding = optional(string)
      signature = object({
        header    = string
        prefix    = optional(string)
        separator = optional(string)
        encoding  = optional(string)
      })
      timestamp = optional(object({
        header  = optional(string)
        prefix  = optional(string)
        pointer = optional(string)
        unit    = optional(string)
      }))
      signed = optional(string)
      id = optional(object({
        header  = optional(string)
        pointer = optional(string)
        form    = optional(string)
      }))
      type = optional(object({
        header  = optional(string)
        pointer = optional(string)
        form    = optional(string)
      }))
    }))
    signed_url                 = optional(string)
    verify_token               = optional(string)
    handshake                  = optional(bool, false)
    insecure                   = optional(bool, false)
    content_types              = optional(list(string), ["application/json", "application/x-www-form-urlencoded"])
    tolerance_seconds          = optional(number, 300)
    success_status             = optional(number, 200)
    rate_per_second            = optional(number, 100)
    burst                      = optional(number, 200)
    allowed_cidrs              = optional(list(string), [])
    max_concurrency            = optional(number, 2)
    batch_size                 = optional(number)
    batch_window_seconds       = optional(number, 0)
    timeout_seconds            = optional(number, 30)
    memory_mb                  = optional(number, 512)
    snap_start                 = optional(bool, false)
    max_receive_count          = optional(number)
    retention_days             = optional(number)
    dead_letter_retention_days = optional(number, 14)
    event_retention_days       = optional(number, 30)
    deduplicate_by             = optional(string, "id")
    paused                     = optional(bool, false)
    fifo                       = optional(bool, false)
    order_by = optional(object({
      header  = optional(string)
      pointer = optional(string)
    }))
    handler             = optional(string)
    handler_environment = optional(map(string), {})
    handler_permissions = optional(list(object({
      actions   = list(string)
      resources = list(string)
    })), [])
    postgres = optional(object({
      table       = optional(string)
      columns     = optional(map(string))
      key         = optional(list(string))
      on_conflict = optional(string, "nothing")
    }))
    http = optional(object({
      url                     = string
      timeout_seconds         = optional(number, 10)
      allow_private_addresses = optional(bool, false)
    }))
    retry = optional(object({
      attempts            = optional(number)
      first_delay_seconds = optional(number)
      max_delay_seconds   = optional(number)
      delays_seconds      = optional(list(number))
    }))
    vpc = optional(object({
      subnet_ids         = list(string)
      security_group_ids = list(string)
    }))
  }))
  nullable = false

  validation {
    condition     = length(var.sources) > 0
    error_message = "sources is empty: add one, such as github = { scheme = \"github\" }."
  }

  # The key is a path's part, the end of every name, and what the table is asked for.
  validation {
    condition     = alltrue([for key in keys(var.sources) : can(regex("^[a-z][a-z0-9-]{0,30}$", key))])
    error_message = "A source's key must begin with a lower-case letter and have at most 31 lower-case letters, digits and hyphens; rename ${join(", ", [for key in keys(var.sources) : key if !can(regex("^[a-z][a-z0-9-]{0,30}$", key))])}."
  }

  # Functions, roles and queues are named after their source, beside those of the pipeline itself.
  validation {
    condition     = !anytrue([for key in keys(var.sources) : contains(["authorizer", "gateway", "gateway-log", "receipts"], key) || endswith(key, "-dead-letter") || endswith(key, "-handshake")])
    error_message = "The keys authorizer, gateway, gateway-log, receipts and those that end in -dead-letter or -handshake are the names of other parts of the pipeline: rename that source."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : length(compact([source.order_by.header, source.order_by.pointer])) > 0 if source.order_by != null])
    error_message = "order_by does not say where a webhook's group is: give it header or pointer, or leave it out for one group of all (${join(", ", [for key, source in var.sources : key if source.order_by == null ? false : length(compact([source.order_by.header, source.order_by.pointer])) == 0])})."
  }

  # A redriven webhook is known by its event, which must therefore be there for as long as the message can be.
  validation {
    condition     = alltrue([for source in values(var.sources) : source.event_retention_days >= source.dead_letter_retention_days])
    error_message = "event_retention_days must be at least dead_letter_retention_days, or a webhook that is redriven late is stored a second time. Raise the first or lower the second (${join(", ", [for key, source in var.sources : key if source.event_retention_days < source.dead_letter_retention_days])})."
  }
}

variable "authorizer_snap_start" {
  description = "Whether the authorizer starts from a snapshot (AWS Lambda SnapStart), which is paid for as long as it is kept. It loads little: measure what that saves."
  type        = bool
  default     = false
  nullable    = false
}

variable "max_message_bytes" {
  description = "The largest message that the queues take. Three quarters of it, less some 2 KB, is the largest body. Up to 1048576 with AWS provider 6; provider 5 refuses more than 262144."
  type        = number
  default     = 262144
  nullable    = false
}

variable "receipts" {
  description = "Whether it can be asked, with the account's credentials, what became of a webhook by what its sender was answered with: GET <endpoint>/receipts/<id>."
  type        = bool
  default     = false
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the table of events. False only where everything may be thrown away."
  type        = bool
  default     = true
  nullable    = false
}

variable "secret_recovery_days" {
  description = "Days in which a deleted secret can be brought back, 7 to 30. 0 deletes at once, and frees the name."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains(concat([0], range(7, 31)), var.secret_recovery_days)
    error_message = "secret_recovery_days is ${var.secret_recovery_days}: Secrets Manager takes 7 to 30 days, or 0 for none."
  }
}

variable "max_write_units_per_second" {
  description = "Ceiling of the table's on-demand writes and of its indexes': a bound on the bill, not a reservation."
  type        = number
  default     = 40000
  nullable    = false
}

variable "max_read_units_per_second" {
  description = "Ceiling of the table's on-demand reads and of its indexes': a bound on the bill, not a reservation."
  type        = number
  default     = 40000
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that logs are kept, one of the periods CloudWatch Logs offers."
  type        = number
  default     = 30
  nullable    = false
}

variable "manage_account_log_role" {
  description = "Whether to set the role with which API Gateway writes logs. It is one per account and region: true in at most one stack there, and false when somebody has set it. Without one in the account, the stage cannot be made."
  type        = bool
  default     = false
  nullable    = false
}
