-- Whether the upstream is asked to speak HTTP/2 where its TLS agrees.
ALTER TABLE accounts ADD COLUMN http2 {bigint} NOT NULL DEFAULT 0;
