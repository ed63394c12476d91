DROP TABLE rejections;
DROP TABLE orders;
