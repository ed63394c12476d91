DROP INDEX orders.orders_of_customer;
