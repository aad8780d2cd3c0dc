"""The page's policy lets it load nothing, and run and apply only the style and the script that stand in it."""
import base64
import hashlib
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SAMPLE = sys.argv.pop(1)


def hash_of(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class Policy(unittest.TestCase):
    def setUp(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([SAMPLE, folder + "/page.html", "deviated"], check=True, timeout=30)
            self.page = Path(folder, "page.html").read_text()

    def test_it_names_exactly_what_the_page_has(self):
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', self.page).group(1).replace("&#39;", "'")
        style, = re.findall(r"<style>(.*?)</style>", self.page, re.DOTALL)
        script, = re.findall(r"<script>(.*?)</script>", self.page, re.DOTALL)
        self.assertEqual(policy, f"default-src 'none'; style-src '{hash_of(style)}'; script-src '{hash_of(script)}'",
                         "put these into src/run/report/html/html_style.cc")

    def test_the_policy_comes_before_what_it_judges(self):
        self.assertLess(self.page.index("Content-Security-Policy"), self.page.index("<style>"))
        self.assertNotRegex(self.page, r"<[^>]* (style|on[a-z]+)=")


if __name__ == "__main__":
    unittest.main()
