"""The comparison sees what it must see: each kind of difference, planted."""

import gzip
import os
import tempfile
import unittest

from compare import Result, compare, joined, original_lines, unescaped

ONE_TO_THREE = [b"one", b"two", b"three"]


def check(originals, rows, damaged=False):
    rows = [row if len(row) == 4 else (*row[:2], 1, row[2]) for row in rows]
    result = compare(iter(originals), iter(rows), damaged, "a:/x")
    return result.missing, result.doubled, result.different, result.cut


def counted(rows):
    return [(line, part, text.count(b"\n") + 1, text) for line, part, text in rows]


def rows_of(lines):
    return [(n, 0, text) for n, text in enumerate(lines, 1)]


class Compare(unittest.TestCase):
    def test_equal(self):
        self.assertEqual(check(ONE_TO_THREE, rows_of(ONE_TO_THREE)), (0, 0, 0, 0))

    def test_an_empty_file_has_no_rows(self):
        self.assertEqual(check([], []), (0, 0, 0, 0))

    def test_a_missing_line_first_middle_last(self):
        for n in range(3):
            rows = rows_of(ONE_TO_THREE)
            del rows[n]
            self.assertEqual(check(ONE_TO_THREE, rows), (1, 0, 0, 0), n)

    def test_a_doubled_line(self):
        self.assertEqual(check(ONE_TO_THREE, sorted(rows_of(ONE_TO_THREE) + [(2, 0, b"two")])), (0, 1, 0, 0))

    def test_another_text(self):
        self.assertEqual(check(ONE_TO_THREE, rows_of([b"one", b"TWO", b"three"])), (0, 0, 1, 0))

    def test_a_line_too_many(self):
        self.assertEqual(check(ONE_TO_THREE, rows_of(ONE_TO_THREE + [b"four"])), (0, 0, 1, 0))

    def test_parts_are_joined(self):
        rows = [(1, 0, b"one"), (2, 0, b"t"), (2, 1, b"w"), (2, 2, b"o"), (3, 0, b"three")]
        self.assertEqual(check(ONE_TO_THREE, rows), (0, 0, 0, 0))

    def test_a_missing_part(self):
        missing, _, different, _ = check(ONE_TO_THREE, [(1, 0, b"one"), (2, 0, b"t"), (2, 2, b"o"), (3, 0, b"three")])
        self.assertEqual((missing, different), (1, 1))

    def test_a_doubled_part(self):
        rows = [(1, 0, b"one"), (2, 0, b"t"), (2, 1, b"wo"), (2, 1, b"wo"), (3, 0, b"three")]
        self.assertEqual(check(ONE_TO_THREE, rows), (0, 1, 0, 0))

    def test_a_damaged_file_is_a_prefix(self):
        self.assertEqual(check(ONE_TO_THREE, [(1, 0, b"one"), (2, 0, b"t")], damaged=True), (0, 0, 0, 1))
        self.assertEqual(check(ONE_TO_THREE, [], damaged=True), (0, 0, 0, 3))
        self.assertEqual(check(ONE_TO_THREE, [(1, 0, b"o"), (2, 0, b"two")], damaged=True)[2], 1)
        self.assertEqual(check(ONE_TO_THREE, [(2, 0, b"two")], damaged=True)[0], 1)
        self.assertEqual(check(ONE_TO_THREE, [(1, 0, b"oxe")], damaged=True)[2], 1)

    def test_a_cut_character_at_the_end_of_a_damaged_file(self):
        self.assertEqual(check(["\u65e5".encode()], [(1, 0, "\ufffd".encode())], damaged=True), (0, 0, 0, 0))

    def test_a_row_of_several_lines_is_taken_apart(self):
        self.assertEqual(check(ONE_TO_THREE, counted([(1, 0, b"one\ntwo\nthree")])), (0, 0, 0, 0))
        self.assertEqual(check(ONE_TO_THREE, counted([(1, 0, b"one"), (2, 0, b"two\nthree")])), (0, 0, 0, 0))
        self.assertEqual(check([b"a", b"", b""], counted([(1, 0, b"a\n\n")])), (0, 0, 0, 0))
        self.assertEqual(check([b"a", b"bcd", b"e"], counted([(1, 0, b"a\nb"), (2, 1, b"cd\ne")])), (0, 0, 0, 0))

    def test_a_row_of_several_lines_with_one_missing_doubled_or_changed(self):
        self.assertEqual(check(ONE_TO_THREE, counted([(1, 0, b"one\ntwo")])), (1, 0, 0, 0))
        self.assertTrue(any(check(ONE_TO_THREE, counted([(1, 0, b"one\ntwo"), (1, 0, b"one\ntwo"), (3, 0, b"three")]))))
        self.assertTrue(any(check(ONE_TO_THREE, counted([(1, 0, b"one\ntwo\nthree"), (2, 0, b"two")]))))
        self.assertEqual(check(ONE_TO_THREE, counted([(1, 0, b"one\nTWO\nthree")])), (0, 0, 1, 0))

    def test_a_row_that_says_it_holds_other_lines_than_it_does(self):
        self.assertEqual(check(ONE_TO_THREE, [(1, 0, 2, b"one\ntwo\nthree")]), (0, 0, 1, 0))
        self.assertEqual(check(ONE_TO_THREE, [(1, 0, 1, b"one\ntwo"), (3, 0, 1, b"three")]), (0, 0, 1, 0))

    def test_a_field_of_the_answer(self):
        self.assertEqual(unescaped(b"it\\'s a\\\\n \\n\\t\\r\\0"), b"it's a\\n \n\t\r\0")

    def test_a_line_without_its_first_part(self):
        result = Result()
        list(joined(iter([(1, 1, b"x")]), result, "a:/x"))
        self.assertEqual(result.missing, 1)


class Lines(unittest.TestCase):
    def lines(self, data, suffix=".log"):
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "x" + suffix)
            with open(name, "wb") as file:
                file.write(data)
            return list(original_lines(name))

    def test_rules_of_a_line(self):
        for data, want in [
            (b"", []),
            (b"a", [b"a"]),
            (b"a\n", [b"a"]),
            (b"\n\n", [b"", b""]),
            (b"a\r\nb\r", [b"a", b"b\r"]),
            (b"a\r\r\n", [b"a\r"]),
            (b"\xef\xbb\xbfa\n", [b"a"]),
            (b"\xef\xbb\xbf", []),
            (b"\xef\xbb\xbf\n", [b""]),
        ]:
            self.assertEqual(self.lines(data), want, data)

    def test_gzip(self):
        self.assertEqual(self.lines(gzip.compress(b"a\n") + gzip.compress(b"b\n"), ".log.gz"), [b"a", b"b"])


if __name__ == "__main__":
    unittest.main()
