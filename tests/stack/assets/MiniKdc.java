import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.kerby.kerberos.kerb.server.SimpleKdcServer;

/**
 * Apache Kerby's KDC. Arguments: its folder, its realm, its address and port, the file to create when it serves, and the
 * principals that it knows; the keys of each are in a keytab of its first name.
 */
public final class MiniKdc {
    public static void main(String[] args) {
        try {
            File home = new File(args[0]);
            SimpleKdcServer kdc = new SimpleKdcServer();
            kdc.setWorkDir(new File(home, "work"));
            kdc.setKdcRealm(args[1]);
            kdc.setKdcHost(args[2]);
            kdc.setAllowUdp(false);
            kdc.setAllowTcp(true);
            kdc.setKdcTcpPort(Integer.parseInt(args[3]));
            Files.createDirectories(home.toPath().resolve("work"));
            kdc.init();
            for (String principal : Arrays.copyOfRange(args, 5, args.length)) {
                kdc.createPrincipal(principal + "@" + args[1]);
                kdc.exportPrincipal(principal + "@" + args[1], new File(home, principal.split("/")[0] + ".keytab"));
            }
            kdc.start();
            Files.createFile(Path.of(args[4]));
        } catch (Throwable failure) {
            failure.printStackTrace();
            System.exit(1);
        }
    }
}
