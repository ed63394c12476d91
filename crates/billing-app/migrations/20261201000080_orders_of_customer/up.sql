-- The orders of a user, page by page: what the user has collected, and what the operator has ordered for the customer of this id.
CREATE INDEX orders_of_customer ON orders.orders (customer_id, id);
