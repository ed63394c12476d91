DROP TABLE refunds;
ALTER TABLE orders DROP COLUMN order_id;
