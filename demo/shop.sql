CREATE TABLE products (id integer PRIMARY KEY, name text NOT NULL, price_cents integer NOT NULL);
INSERT INTO products VALUES (1, 'Lantern', 1999), (2, 'Rope', 999), (3, 'Compass', 2499), (4, 'Map', 499);
