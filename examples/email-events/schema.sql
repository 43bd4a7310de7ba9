-- What the lane needs of any database: a row for each event whose effect is done, committed together with it.
CREATE TABLE webhook_effects (
    idempotency_key text PRIMARY KEY,
    done_at timestamptz NOT NULL DEFAULT now()
);

-- The shop's own.
CREATE TABLE products (
    product_id text PRIMARY KEY
);

-- What the handler writes.
CREATE TABLE product_views (
    product_id text PRIMARY KEY REFERENCES products,
    first_viewed_at timestamptz NOT NULL,
    last_viewed_at timestamptz NOT NULL,
    views bigint NOT NULL
);

CREATE TABLE event_counts (
    type text PRIMARY KEY,
    count bigint NOT NULL
);
