import java.io.File;
import java.io.IOException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.security.UserGroupInformation;

/**
 * Writes folders of users into a cluster with Kerberos, where each user alone may look into its own. Arguments: the settings of
 * the cluster, who may do everything there, the keytab, and the local folder of the users' folders.
 */
public final class StoreForUsers {
    public static void main(String[] args) throws Exception {
        HdfsConfiguration conf = new HdfsConfiguration();
        conf.addResource(new Path(args[0]));
        UserGroupInformation.setConfiguration(conf);
        UserGroupInformation.loginUserFromKeytab(args[1], args[2]);
        FileSystem files = FileSystem.get(conf);
        for (File folder : new File(args[3]).listFiles()) {
            Path home = new Path("/" + folder.getName());
            files.copyFromLocalFile(new Path(folder.toURI()), new Path("/"));
            own(files, files.getFileStatus(home), folder.getName());
        }
    }

    private static void own(FileSystem files, FileStatus status, String user) throws IOException {
        if (status.isDirectory()) {
            for (FileStatus inner : files.listStatus(status.getPath())) {
                own(files, inner, user);
            }
        }
        files.setPermission(status.getPath(), new FsPermission((short) (status.isDirectory() ? 0700 : 0600)));
        files.setOwner(status.getPath(), user, user);
    }
}
