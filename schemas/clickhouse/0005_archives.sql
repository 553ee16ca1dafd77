-- Members of archives: files of their own, which know the file of the store in which they lie.
ALTER TABLE file_events ADD COLUMN IF NOT EXISTS archive FixedString(16)
    COMMENT 'Of a member: the file of the store in which it lies, however deep; zero bytes for any other' AFTER app;
ALTER TABLE loads ADD COLUMN IF NOT EXISTS archive FixedString(16)
    COMMENT 'Of a member: the file of the store in which it lies, however deep; zero bytes for any other' AFTER app;
