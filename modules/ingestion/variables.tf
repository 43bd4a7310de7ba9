variable "name" {
  description = "Name of the API, and the beginning of the name of everything else."
  type        = string
}

variable "sources" {
  description = <<-EOT
    The senders, by name. Each gets POST /webhooks/<name>, a queue and a dead-letter queue:
    - scheme_json: how it signs, as JSON text: a preset's name or a custom scheme's object
    - signature_header: header that carries the signature or token; null where there is not exactly one
    - verified_at_edge: whether the authorizer verifies the signature, for which it reads the source's secret
    - signed_url: URL that the sender was given, where it is not the one that API Gateway sees
    - scheme_handshake: how the sender makes sure of its URL; "meta" and "okta" do so with a GET, which is answered here
    - verify_token: what a GET of form "meta" must know
    - handshake: whether a function before the queue answers challenges that the sender POSTs; it reads the source's secret
    - snap_start: whether that function starts from a snapshot
    - content_types: exact media types that are let in
    - tolerance_seconds: how far a signed timestamp may be from now
    - success_status: what the sender is answered when its webhook is kept, 200 or 202
    - rate_per_second, burst: throttle of the route
    - allowed_cidrs: addresses that may call; none listed = all may
    - timeout_seconds, batch_window_seconds: of the lane's processor, from which the queue's visibility follows
    - max_receive_count: attempts before a message goes to the dead-letter queue
    - retention_days, dead_letter_retention_days: how long the two queues keep a message
    - fifo: whether the queues keep the order of what came, and drop what is sent again as it was within five minutes
    - order_by: with fifo, the header or the member of a JSON body (a JSON pointer through objects) whose value names the group in which
      the order is kept; what has no such value is in order among its like. Without it the source's webhooks are all in one order
  EOT
  type = map(object({
    scheme_json                = string
    signature_header           = optional(string)
    verified_at_edge           = optional(bool, false)
    signed_url                 = optional(string)
    scheme_handshake           = optional(string)
    verify_token               = optional(string)
    handshake                  = optional(bool, false)
    snap_start                 = optional(bool, false)
    content_types              = list(string)
    tolerance_seconds          = number
    success_status             = number
    rate_per_second            = number
    burst                      = number
    allowed_cidrs              = list(string)
    timeout_seconds            = number
    batch_window_seconds       = number
    max_receive_count          = number
    retention_days             = number
    dead_letter_retention_days = number
    fifo                       = optional(bool, false)
    order_by                   = optional(object({ header = optional(string, ""), pointer = optional(string, "") }), {})
  }))

  validation {
    condition     = alltrue([for key, source in var.sources : length("${var.name}-${key}-dead-letter${source.fifo ? ".fifo" : ""}") <= 80])
    error_message = "SQS takes names of at most 80 characters, and <name>-<source>-dead-letter, with .fifo at its end where the source is one, is longer: shorten name or the source's key (${join(", ", [for key, source in var.sources : key if length("${var.name}-${key}-dead-letter${source.fifo ? ".fifo" : ""}") > 80])})."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.fifo || "${source.order_by.header}${source.order_by.pointer}" == ""])
    error_message = "order_by is for a source with fifo = true: a queue of the other kind keeps no order (${join(", ", [for key, source in var.sources : key if !source.fifo && "${source.order_by.header}${source.order_by.pointer}" != ""])})."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.order_by.header == "" || source.order_by.pointer == ""])
    error_message = "order_by takes a header or a pointer, not both (${join(", ", [for key, source in var.sources : key if source.order_by.header != "" && source.order_by.pointer != ""])})."
  }

  # The names become literals of a mapping template.
  validation {
    condition     = alltrue([for source in values(var.sources) : can(regex("^((/[A-Za-z0-9_.:-]{1,64}){1,8})?$", source.order_by.pointer))])
    error_message = "order_by.pointer is a way through objects such as \"/data/ticket_id\": at most eight names of letters, digits and _.:- (${join(", ", [for key, source in var.sources : "${key}: ${source.order_by.pointer}" if !can(regex("^((/[A-Za-z0-9_.:-]{1,64}){1,8})?$", source.order_by.pointer))])})."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : can(regex("^[A-Za-z0-9!#$%&'*+.^_`|~-]{0,100}$", source.order_by.header))])
    error_message = "order_by.header must be the name of a header (${join(", ", [for key, source in var.sources : "${key}: ${source.order_by.header}" if !can(regex("^[A-Za-z0-9!#$%&'*+.^_`|~-]{0,100}$", source.order_by.header))])})."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : length(source.content_types) > 0])
    error_message = "content_types is empty, so nothing could get in: list the media types that the source sends (${join(", ", [for key, source in var.sources : key if length(source.content_types) == 0])})."
  }

  # An API Gateway mapping template is looked up by the exact type, and a wildcard in binary_media_types does not work there.
  validation {
    condition     = alltrue(flatten([for source in values(var.sources) : [for type in source.content_types : can(regex("^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+$", type))]]))
    error_message = "content_types takes exact media types in lower case, such as \"application/json\": no wildcard, no parameters such as \"; charset=utf-8\", no capitals (${join(", ", flatten([for key, source in var.sources : [for type in source.content_types : "${key}: ${type}" if !can(regex("^[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+$", type))]]))})."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.tolerance_seconds >= 1 && source.tolerance_seconds <= 86400 && floor(source.tolerance_seconds) == source.tolerance_seconds])
    error_message = "tolerance_seconds must be a whole number from 1 to 86400 (a day): a longer one lets old webhooks be replayed, and 300 is what most senders document (${join(", ", [for key, source in var.sources : key if source.tolerance_seconds < 1 || source.tolerance_seconds > 86400 || floor(source.tolerance_seconds) != source.tolerance_seconds])})."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : contains([200, 202], source.success_status)])
    error_message = "success_status must be 200 or 202: senders take anything else for a failure or a redirect (${join(", ", [for key, source in var.sources : key if !contains([200, 202], source.success_status)])})."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.rate_per_second > 0])
    error_message = "rate_per_second must be above 0, or every webhook is refused; to stop processing without refusing, set paused = true (${join(", ", [for key, source in var.sources : key if source.rate_per_second <= 0])})."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.burst >= 1])
    error_message = "burst must be at least 1, or every webhook is refused (${join(", ", [for key, source in var.sources : key if source.burst < 1])})."
  }

  validation {
    condition     = alltrue(flatten([for source in values(var.sources) : [for cidr in source.allowed_cidrs : can(cidrhost(cidr, 0))]]))
    error_message = "allowed_cidrs takes address ranges such as \"203.0.113.0/24\"; a single address ends in /32, or /128 for IPv6 (${join(", ", flatten([for key, source in var.sources : [for cidr in source.allowed_cidrs : "${key}: ${cidr}" if !can(cidrhost(cidr, 0))]]))})."
  }

  # Amazon SQS Developer Guide, "Using Lambda with SQS": fewer than 5 sends messages away when the function is merely throttled.
  validation {
    condition     = alltrue([for source in values(var.sources) : source.max_receive_count >= 5 && source.max_receive_count <= 1000])
    error_message = "max_receive_count must be 5 to 1000: with fewer attempts a throttled processor sends good webhooks to the dead-letter queue (${join(", ", [for key, source in var.sources : key if source.max_receive_count < 5 || source.max_receive_count > 1000])})."
  }

  validation {
    condition     = alltrue(flatten([for source in values(var.sources) : [for days in [source.retention_days, source.dead_letter_retention_days] : days >= 1 && days <= 14]]))
    error_message = "retention_days and dead_letter_retention_days must be 1 to 14, the longest that SQS keeps a message (${join(", ", [for key, source in var.sources : key if min(source.retention_days, source.dead_letter_retention_days) < 1 || max(source.retention_days, source.dead_letter_retention_days) > 14])})."
  }

  # A dead-lettered message keeps the time of its first enqueueing (Amazon SQS Developer Guide, "Dead-letter queues").
  validation {
    condition     = alltrue([for source in values(var.sources) : source.dead_letter_retention_days > source.retention_days])
    error_message = "dead_letter_retention_days must be above retention_days: a dead-lettered message keeps its age, and would vanish on arrival. Raise the first or lower the second (${join(", ", [for key, source in var.sources : key if source.dead_letter_retention_days <= source.retention_days])})."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : 6 * source.timeout_seconds + source.batch_window_seconds <= 43200])
    error_message = "The queue hides a message for 6 x timeout_seconds + batch_window_seconds, and SQS for at most 43,200 s: lower timeout_seconds or batch_window_seconds (${join(", ", [for key, source in var.sources : key if 6 * source.timeout_seconds + source.batch_window_seconds > 43200])})."
  }
}

variable "authorizer_snap_start" {
  description = "Whether the authorizer starts from a snapshot, as modules/function describes it."
  type        = bool
  default     = false
  nullable    = false
}

variable "secret_prefix" {
  description = "What precedes a source's name in the name of its secret."
  type        = string
}

variable "edge_secret_arns" {
  description = "ARNs of the secrets that are read before the queue, by source: of those verified at the edge, and of those with a handshake."
  type        = map(string)
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the authorizer's metrics."
  type        = string
}

variable "log_retention_days" {
  description = "Days that the access log and the authorizer's log are kept."
  type        = number
}

variable "manage_account_log_role" {
  description = "Whether to set the role with which API Gateway writes logs. It is one per account and region: true in at most one stack there, and false when somebody has set it."
  type        = bool
  default     = false
  nullable    = false
}

variable "max_message_bytes" {
  description = "The largest message that the queues take: a webhook as base64 with what is known of it, so three quarters of this are body. SQS takes up to 1048576, the AWS provider before 6 refuses more than 262144."
  type        = number
  default     = 262144
  nullable    = false

  validation {
    condition     = var.max_message_bytes >= 1024 && var.max_message_bytes <= 1048576 && floor(var.max_message_bytes) == var.max_message_bytes
    error_message = "max_message_bytes must be a whole number from 1024 to 1048576, and at most 262144 with a provider before 6."
  }
}

variable "receipts" {
  description = "The table of events and its index by request id, to answer GET /receipts/<id> from; null for no such route."
  type = object({
    table_name = string
    table_arn  = string
    index_name = string
    index_arn  = string
  })
  default = null
}
