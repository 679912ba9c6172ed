-- Every value of the shop as PostgreSQL shows it in UTC: a line of text a row. Booleans, moments and enums are shown as
-- brands that lack them bring them back.
SET timezone = 'UTC';
CREATE TEMP VIEW every_row AS
SELECT 'address' AS place, ROW(t.*)::text AS shown FROM address t
UNION ALL SELECT 'category' AS place, ROW(t.*)::text AS shown FROM category t
UNION ALL SELECT 'country' AS place, ROW(t.*)::text AS shown FROM country t
UNION ALL SELECT 'customer' AS place, ROW(id, name, email, country, born, vip::int, created::timestamp, mood::text)::text AS shown FROM customer t
UNION ALL SELECT 'Odd' AS place, ROW(t.*)::text AS shown FROM "Odd ""Name"".with dots" t
UNION ALL SELECT 'order_line' AS place, ROW(t.*)::text AS shown FROM order_line t
UNION ALL SELECT 'payment' AS place, ROW(id, order_id, amount, paid_at::timestamp)::text AS shown FROM payment t
UNION ALL SELECT 'product' AS place, ROW(id, sku, name, price, weight, volume, picture, attrs::text, category_id, uid)::text AS shown FROM product t
UNION ALL SELECT 'product_tag' AS place, ROW(t.*)::text AS shown FROM product_tag t
UNION ALL SELECT 'sales_order' AS place, ROW(t.*)::text AS shown FROM sales_order t
UNION ALL SELECT 'stock' AS place, ROW(t.*)::text AS shown FROM stock t
UNION ALL SELECT 'tag' AS place, ROW(t.*)::text AS shown FROM tag t
UNION ALL SELECT 'warehouse' AS place, ROW(t.*)::text AS shown FROM warehouse t;
