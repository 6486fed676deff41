"""Certificates for servers under test, made by openssl: a CA, and what it or nobody signs.

    ca = Authority(directory)
    server = ca.sign("server", names=["DNS:localhost", "IP:127.0.0.1"])   # .cert and .key are paths
"""

import dataclasses
import pathlib
import subprocess

LOCAL = ("DNS:localhost", "IP:127.0.0.1")


@dataclasses.dataclass
class Certificate:
    cert: pathlib.Path
    key: pathlib.Path


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Authority:
    def __init__(self, directory, name="handover test CA"):
        self.directory = pathlib.Path(directory)
        self.cert, self.key = self.directory / f"{name}.crt".replace(" ", "-"), self.directory / f"{name}.key".replace(" ", "-")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert)

    def sign(self, name, names=LOCAL, days=30):
        """A certificate for those names. With days=-1 it ended yesterday."""
        made = Certificate(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", made.key, "-out", request)
        extensions.write_text(f"subjectAltName={','.join(names)}\n" if names else "")
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", days,
                "-extfile", extensions, "-out", made.cert)
        return made
