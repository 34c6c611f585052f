"""RabbitMQ: the bus between Longshore's processes.

Invariants: nothing is shared with another broker on the machine: it has an epmd of
its own, a node name, a cookie and a distribution port of its own, all on 127.0.0.1;
user and vhost come from the configuration, so a broker whose data was wiped comes
back usable; the machine's /etc/rabbitmq is not read.
Deliberately not here: exchanges and queues. Longshore's processes declare them.
"""

from __future__ import annotations

import hashlib
import socket
import subprocess
from pathlib import Path
from typing import Any, Dict, List

import process
from accounts import private_file
from amqp import Refused, log_in
from server import NotReady, PortTaken, Server

SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CONTROL = SCRIPT.with_name("rabbitmqctl")
USER = "longshore"
VHOST = "longshore"


class RabbitMq(Server):
    """One broker with the vhost `longshore`."""

    kind = "rabbitmq"
    system_user = "rabbitmq"
    port_names = ("port", "epmd", "distribution", "management")
    secret_names = ("password", "cookie")

    def companions(self) -> None:
        private_file(self.conf / "rabbitmq.conf", self._configuration(), self.owner)
        private_file(self.conf / "enabled_plugins", f"[{self._plugins()}].\n", self.owner)
        private_file(self.conf / ".erlang.cookie", self.secret("cookie"), self.owner)
        # The broker would start one by itself: on all addresses, and to outlive it.
        epmd = ["epmd", "-port", str(self.settings["ports"]["epmd"]), "-address", "127.0.0.1"]
        running = process.launch(epmd, {}, self.folder, self.log, self.owner, self.conf)
        process.remember(self.folder / "epmd.json", running)

    def command(self) -> List[str]:
        return [str(SCRIPT)]

    def environment(self) -> Dict[str, str]:
        assigned = self.settings["ports"]
        # As arguments, since the configuration file does not know every setting.
        given = " ".join(f"-rabbit {option.replace('=', ' ', 1)}" for option in self.settings["options"])
        erlang = f"-start_epmd false -kernel inet_dist_use_interface {{127,0,0,1}} {given}"
        return {
            **super().environment(),
            "ERL_EPMD_PORT": str(assigned["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._node(),
            "RABBITMQ_DIST_PORT": str(assigned["distribution"]),
            # Without it the file in /etc would be read.
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.conf / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.conf / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.conf / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.conf),
            "RABBITMQ_SCHEMA_DIR": str(self.conf / "schema"),
            "RABBITMQ_PID_FILE": str(self.conf / "rabbitmq.pid"),
            "RABBITMQ_MNESIA_BASE": str(self.data),
            "RABBITMQ_LOG_BASE": str(self.conf / "log"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": erlang,
            # The script then becomes the broker, so that its pid is the broker's.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def probe(self) -> None:
        if process.recalled(self.folder / "epmd.json") is None:
            # It does not say why, but there is only one reason to give up.
            raise PortTaken
        try:
            log_in(self.port, USER, self.secret("password"), VHOST)
        except (Refused, socket.timeout) as why:
            raise NotReady(str(why)) from None

    def alarm(self, on: bool) -> None:
        # 0.4 is what it starts with.
        command = [str(CONTROL), "-q", "-n", self._node(), "set_vm_memory_high_watermark"]
        command.append("0.0001" if on else "0.4")
        settings = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **self.environment()}
        done = subprocess.run(
            command, env=settings, cwd=self.conf, capture_output=True, text=True, **self.owner.identity()
        )
        if done.returncode != 0:
            raise Problem(f"{self.name}: rabbitmqctl failed:", (done.stdout + done.stderr).strip())

    def facts(self) -> Dict[str, Any]:
        login = f"{USER}:{self.secret('password')}@127.0.0.1"
        found = {"amqp_url": f"amqp://{login}:{self.port}/{VHOST}"}
        if self.throwaway:
            found["amqp_admin_url"] = f"http://{login}:{self.settings['ports']['management']}/api/"
        return found

    def _plugins(self) -> str:
        """Tests make vhosts of their own and look into queues; nobody else needs it."""
        return "rabbitmq_management" if self.throwaway else ""

    def _node(self) -> str:
        return "ls" + hashlib.sha256(str(self.folder).encode()).hexdigest()[:10] + "@localhost"

    def _configuration(self) -> str:
        lines = {
            "listeners.tcp.1": f"127.0.0.1:{self.port}",
            "default_vhost": VHOST,
            "default_user": USER,
            "default_pass": self.secret("password"),
            "default_permissions.configure": ".*",
            "default_permissions.read": ".*",
            "default_permissions.write": ".*",
            "disk_free_limit.absolute": "50MB",
            "log.console": "true",
            "log.console.use_colors": "off",
            "log.file": "false",
        }
        if self.throwaway:
            lines["management.tcp.ip"] = "127.0.0.1"
            lines["management.tcp.port"] = self.settings["ports"]["management"]
        return "".join(f"{name} = {value}\n" for name, value in lines.items())
