# SPDX-License-Identifier: Apache-2.0
#
# A plugin for sos (sosreport) 4.0 and later: what nsinspect finds of namespaces, in the
# archive of sos report. Copy it to the directory of sos' own plugins, which this prints:
#
#     python3 -c 'import sos.report.plugins as p; print(p.__path__[0])'
#
# To run it alone: sos report --batch -o nsinspect

from sos.report.plugins import Plugin, IndependentPlugin, DebianPlugin

try:
    from sos.report.plugins import PluginOpt
except ImportError:  # before sos 4.2 an option is a tuple
    def PluginOpt(name, default=None, desc=''):
        return (name, desc, 'fast', default)


# On Debian and Ubuntu sos 4.0 skips what is independent alone (policies/debian.py).
class Nsinspect(Plugin, IndependentPlugin, DebianPlugin):

    """Namespaces, all that keeps them alive, and leaks among them
    """

    short_desc = 'Linux namespaces and what keeps them alive'
    plugin_name = 'nsinspect'
    profiles = ('network', 'container')
    commands = ('nsinspect',)

    option_list = [
        PluginOpt('cmdline', default=False,
                  desc='collect the arguments of programs too'),
        PluginOpt('redact', default=False,
                  desc='replace names and addresses by hashes'),
    ]

    def setup(self):
        snapshot = 'nsinspect snapshot -o -'
        if self.get_option('redact'):
            snapshot += ' --redact'
        elif not self.get_option('cmdline'):
            snapshot += ' --no-cmdline'
        # Notes on stderr do not belong in a compressed file, which is of no use
        # without its beginning: no limit, by which sos keeps the end alone.
        self.add_cmd_output(snapshot, suggest_filename='snapshot.json.gz',
                            binary=True, stderr=False, sizelimit=0)
        # The report of doctor has names, and a redacted one is in the snapshot.
        if not self.get_option('redact'):
            self.add_cmd_output('nsinspect doctor')

# vim: set et ts=4 sw=4 :
